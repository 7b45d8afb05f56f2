"""
EDGE yaml: YAML text in; catalog objects out, or every fault with its file and line.

`tree` reads YAML as JSON values with their lines, `form` says what a kind's model has against them,
`documents` joins both over files and folders.
"""

from mcop_core.catalog.yaml_files.documents import SourceDocument, read_folder, read_text, read_whole_folder

__all__ = ["SourceDocument", "read_folder", "read_text", "read_whole_folder"]
