"""What is known of a file that was left out because it is exactly the same as a picture."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("skipped")}
    for name in ("copy_of", "class_name", "split"):
        if name not in known:  # it came before its number did
            op.add_column("skipped", sa.Column(name, sa.Text))
