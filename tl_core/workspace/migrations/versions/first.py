"""The first numbered schema; databases from before the numbers get what they lack of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateColumn

revision, down_revision = "0001", None

TABLES = sa.MetaData()
KEPT = {"sqlite_autoincrement": True}  # an id never comes back


def _table(name: str, *parts: sa.schema.SchemaItem, **options: bool) -> None:
    sa.Table(name, TABLES, *parts, **options)


def _required(name: str, kind: sa.types.TypeEngine, **options: object) -> sa.Column:
    return sa.Column(name, kind, nullable=False, **options)


def _id(kind: type = sa.Integer) -> sa.Column:
    return _required("id", kind, primary_key=True)


def _project(**options: bool) -> sa.Column:
    key = sa.ForeignKey("projects.id", ondelete="CASCADE")
    return sa.Column("project_id", sa.Text, key, nullable=False, **options)


_table(
    "projects",
    _id(sa.Text),
    _required("name", sa.Text),
    _required("created", sa.DateTime(timezone=True)),
    sa.Column("backbone", sa.JSON),
    sa.Column("config", sa.JSON),
)
_table(
    "changes",
    _id(),
    _project(index=True),
    _required("description", sa.Text),
    _required("before", sa.JSON),
)
_table(
    "classes",
    _id(),
    _project(),
    _required("name", sa.Text),
    sa.UniqueConstraint("project_id", "name"),
    **KEPT,
)
_table(
    "group_decisions",
    _id(),
    _project(index=True),
    _required("kind", sa.Text),
    _required("data", sa.JSON),
)
_table(
    "groups",
    _id(),
    _project(),
    _required("name", sa.Text),
    _required("kind", sa.Text),
    _required("accepted", sa.Boolean),
    sa.UniqueConstraint("project_id", "name"),
)
_table(
    "locked_tests",
    _project(primary_key=True),
    _required("own", sa.Boolean),
    _required("opened", sa.Integer),
    sa.Column("created", sa.DateTime(timezone=True)),
)
_table(
    "runs",
    _id(sa.Text),
    _project(),
    _required("kind", sa.Text),
    _required("state", sa.Text),
    _required("config", sa.JSON),
    sa.Column("message", sa.Text),
    sa.Column("traceback", sa.Text),
    _required("created", sa.DateTime(timezone=True)),
    sa.Column("started", sa.DateTime(timezone=True)),
    sa.Column("finished", sa.DateTime(timezone=True)),
    sa.Column("heartbeat", sa.DateTime(timezone=True)),
    sa.Column("host", sa.Text),
    sa.Column("pid", sa.Integer),
    sa.Column("pid_started", sa.Double),
    _required("stop_requested", sa.Boolean),
    sa.Column("accuracy", sa.Double),
    sa.Column("n_test", sa.Integer),
    sa.Index("runs_by_project", "project_id", "kind", "created"),
    sa.Index("runs_by_state", "state", "created"),
)
_table(
    "skipped",
    _id(),
    _project(index=True),
    _required("name", sa.Text),
    _required("reason", sa.Text),
)
_table(
    "images",
    _id(),
    _project(),
    _required("digest", sa.Text),
    _required("extension", sa.Text),
    _required("name", sa.Text),
    _required("width", sa.Integer),
    _required("height", sa.Integer),
    sa.Column("class_id", sa.Integer, sa.ForeignKey("classes.id", ondelete="SET NULL")),
    _required("excluded", sa.Boolean),
    sa.Column("split_given", sa.Text),
    sa.Column("group_name", sa.Text),
    _required("locked", sa.Boolean, server_default=sa.false()),
    sa.UniqueConstraint("project_id", "digest"),
    sa.Index("images_by_class", "project_id", "class_id", "excluded", "id"),
    sa.Index("images_in_order", "project_id", "id"),
    **KEPT,
)


def upgrade() -> None:
    connection = op.get_bind()
    TABLES.create_all(connection)
    found = sa.inspect(connection)
    for table in TABLES.sorted_tables:
        known = {column["name"] for column in found.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:  # it is nullable or has a default
                added = CreateColumn(column).compile(dialect=connection.dialect)
                name = connection.dialect.identifier_preparer.format_table(table)
                op.execute(f"ALTER TABLE {name} ADD COLUMN {added}")
