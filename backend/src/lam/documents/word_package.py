"""A Word document as an archive of XML parts that refer to each other.

It knows where the document's own part is, and no text.
"""

from lam.documents.archive import Archive
from lam.documents.limits import UNSUPPORTED, Refused
from lam.documents.xml_names import name_of


class Package(Archive):
    """The archive. `main`: the name of the part with the body. Raises Refused for anything but a Word document of acceptable size;
    one of `DAMAGE` for a damaged one."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        if "[Content_Types].xml" not in self:
            raise Refused(UNSUPPORTED, "The file is an archive, but no Word document.")
        self.require_plain_xml()
        roots = [relation.target for relation in self.relations("").values() if relation.kind == "officeDocument"]
        self.main = next((name for name in (*roots, "word/document.xml") if name in self), "")
        if not self.main or name_of(self.xml(self.main)) != "w:document":
            raise Refused(UNSUPPORTED, "The file is an archive, but no Word document.")
