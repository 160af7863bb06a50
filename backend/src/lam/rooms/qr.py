"""The picture that a phone reads: an address as a QR code. The only place that knows the library."""

import io

import segno


def picture(address: str) -> bytes:
    """Returns the address as SVG, dark on white with its quiet zone, whatever is around it."""
    file = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        file, kind="svg", border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False, svgns=True
    )
    return file.getvalue()
