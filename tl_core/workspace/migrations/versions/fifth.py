"""Answers to further questions about the pictures."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    if "answers" in sa.inspect(op.get_bind()).get_table_names():
        return
    project = sa.ForeignKey("projects.id", ondelete="CASCADE")
    image = sa.ForeignKey("images.id", ondelete="CASCADE")
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project_id", sa.Text, project, nullable=False),
        sa.Column("image_id", sa.Integer, image, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.UniqueConstraint("image_id", "question"),
    )
    op.create_index("answers_by_question", "answers", ["project_id", "question"])
