"""The other place that a picture shows."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("images")}
    if "place" not in known:
        op.add_column("images", sa.Column("place", sa.Text))
