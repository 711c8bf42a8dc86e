"""The lower end of the interval of a run's accuracy."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("runs")}
    if "accuracy_low" not in known:  # it came before its number did
        op.add_column("runs", sa.Column("accuracy_low", sa.Double))
