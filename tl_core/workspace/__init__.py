"""LIGHT: what a person owns: projects, as rows in the database and a folder each.

names, json_values  names that people give; JSON files and values
storage             where things lie on disk and how they are written
reserve             space kept back, so that a full disk is no dead end
backups             copies of the database: one a day, and one opened again
connection          the way to the database, and its troubles as sentences
database            the tables; one transaction per action of a person
schema              the tables' versions, and migrations from earlier ones
liveness            whether a process of ours still lives
interrupted         imports that were cut off: said, and what they left removed
opening             folders and tables of a workspace
recovery            a damaged list of projects: the backup opened, or a new list begun
projects            create, list, open, rename, delete
machine_memo        what was measured on this machine
cache_budget        how much disk the caches may take, and what goes first
"""

from tl_core.workspace.opening import open_workspace
from tl_core.workspace.projects import (
    Project,
    ProjectSummary,
    create_project,
    delete_project,
    list_projects,
    open_project,
    rename_project,
)
from tl_core.workspace.storage import Workspace, storage_errors
