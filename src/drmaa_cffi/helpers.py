"""The names that programs written for the package ``drmaa`` import from ``drmaa.helpers``."""

from ._template.attributes import Attribute, DictAttribute, VectorAttribute
from ._template.converters import BoolConverter, IntConverter
from .session import Version

__all__ = [
    "Attribute",
    "BoolConverter",
    "DictAttribute",
    "IntConverter",
    "VectorAttribute",
    "Version",
]
