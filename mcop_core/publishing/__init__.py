"""Publishing: a folder of documents in, one checked `Change` of the catalog out, or every fault."""

from mcop_core.publishing.edits import activate, plan_upgrade, set_standing, upgrade
from mcop_core.publishing.publisher import PublicationReport, check_folder, publish_folder

__all__ = [
    "PublicationReport",
    "activate",
    "check_folder",
    "plan_upgrade",
    "publish_folder",
    "set_standing",
    "upgrade",
]
