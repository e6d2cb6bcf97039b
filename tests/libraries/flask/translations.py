"""Catalogs of translations, compiled as Babel's own command compiles them."""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

GERMAN = {
    "Please log in": "Bitte anmelden",
    "Saved": "Gespeichert",
    "Tom & Jerry": "Tom & Jerry & Spike",
    "%(num)d row": ("%(num)d Zeile", "%(num)d Zeilen"),
}


def write_german(folder: Path) -> str:
    """Write the German catalog into a new folder of translations; returns its path."""
    catalog = Catalog(locale="de")
    for text, translation in GERMAN.items():
        texts = text if isinstance(translation, str) else (text, f"{text}s")
        catalog.add(texts, translation)
    compiled = folder / "de" / "LC_MESSAGES" / "messages.mo"
    compiled.parent.mkdir(parents=True)
    with compiled.open("wb") as file:
        write_mo(file, catalog)
    return str(folder)
