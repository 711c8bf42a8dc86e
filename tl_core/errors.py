"""Trouble that a person can do something about.

    TLCoreError
    ├── WorkspaceError          project or workspace missing, name not usable
    │   ├── StorageFull         no space left on the disk
    │   └── DatabaseDamaged     the list of projects cannot be read
    ├── ImageFileError          bytes that are not a usable picture
    ├── ArchiveError            a ZIP that cannot be read
    ├── DatasetError            classes or pictures that do not make a training set
    ├── BackboneError           unknown architecture, unusable weights file
    │   └── WeightsUnavailable  pretrained weights are not on this machine and cannot be had
    ├── RunError                a run cannot be started, resumed or read
    ├── PredictionError         a model cannot be loaded or used
    ├── ExportError             a model cannot be written in the asked form
    └── ComputeError            the compute process did not answer in time or died

The message is a sentence for the person in front of the screen: what is wrong, with which
item, and what to do. Programmer mistakes raise `ValueError` instead.
"""


class TLCoreError(Exception):
    """Base of all trouble that a person can fix."""


class WorkspaceError(TLCoreError): ...


class StorageFull(WorkspaceError): ...


class DatabaseDamaged(WorkspaceError): ...


class ImageFileError(TLCoreError): ...


class ArchiveError(TLCoreError): ...


class DatasetError(TLCoreError): ...


class BackboneError(TLCoreError): ...


class WeightsUnavailable(BackboneError): ...


class RunError(TLCoreError): ...


class PredictionError(TLCoreError): ...


class ExportError(TLCoreError): ...


class ComputeError(TLCoreError): ...
