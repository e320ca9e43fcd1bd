"""pocketsphinx inside the worker process: phrase books made into models, kept for the calls that share them.

https://cmusphinx.github.io/wiki/ and https://pocketsphinx.readthedocs.io
"""

import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from hub.engines.phrase_book import Book
from hub.engines.phrase_sounds import Sounds, as_dictionary
from hub.engines.worker_frames import packed

RATE = 16_000
MISSING = (
    "The embedded recogniser needs the Python package pocketsphinx (wheels exist up to Python 3.13): "
    "pip install pocketsphinx. Or choose another engine of hearing."
)
_MOST_BOOKS, _MOST_MODELS = 16, 48
_MEANS = {
    True: "57.0,36.4,-42.0,44.0,-28.0,3.1,7.5,-34.0,21.5,-18.8,3.0,7.0,-16.4",
    False: "56.5,-3.95,2.45,14.1,-18.6,0.90,-18.5,-2.49,-5.47,-2.50,9.05,-11.0,8.84",
}
"""Where the cepstral means start, for telephone sound (nothing above 4 kHz) or not; they follow each voice."""


class Shelf:
    """Phrase books and their models, the latest used ones."""

    def __init__(self) -> None:
        import pocketsphinx

        self.sphinx = pocketsphinx
        self.sounds = Sounds(Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")))
        self.folder = tempfile.TemporaryDirectory(prefix="hub-sphinx-")
        self._books: OrderedDict[str, Shelved] = OrderedDict()

    def book(self, asked: Mapping[str, Any]) -> "Shelved":
        """The book for an agent's definition, phrases and words."""
        key = sha256(packed([asked["definition"], asked["phrases"], asked["words"]])).hexdigest()
        if key not in self._books:
            self._books[key] = Shelved(self, Book(asked["definition"], asked["phrases"], asked["words"]))
        self._books.move_to_end(key)
        if len(self._books) > _MOST_BOOKS:
            self._books.popitem(last=False)
        return self._books[key]


class Shelved:
    """A book with its dictionary and the models made of it."""

    def __init__(self, shelf: Shelf, book: Book) -> None:
        self._shelf, self._book = shelf, book
        self._models: OrderedDict[tuple[str, ...], tuple[Any, int]] = OrderedDict()
        self._sounds = dict(shelf.sounds.of(book.model().words()))

    @property
    def words(self) -> int:
        """How many words the book has; it grows with what is expected."""
        return len(self._sounds)

    def decoder(self, *, narrow: bool) -> Any:
        """A new decoder with the book's words and no model yet. `narrow`: for telephone sound."""
        path = Path(self._shelf.folder.name) / "words.dict"
        path.write_text(as_dictionary(self._sounds))
        acoustic = self._shelf.sphinx.get_model_path("en-us/en-us")
        return self._shelf.sphinx.Decoder(
            hmm=acoustic, dict=str(path), lm=None, loglevel="FATAL", cmn="live", cmninit=_MEANS[narrow], samprate=RATE
        )

    def model(self, decoder: Any, expected: Sequence[str]) -> tuple[Any, int]:
        """The model that leans to what is expected, and how many of the book's words a decoder needs for it.

        Models are shared by all decoders and never changed; a decoder's `add_word` would change them.
        """
        key = tuple(expected)
        if key not in self._models:
            model = self._book.model(key)
            self._sounds |= self._shelf.sounds.of(model.words() - self._sounds.keys())
            path = Path(self._shelf.folder.name) / "model.lm"
            path.write_text(model.arpa())
            made = self._shelf.sphinx.NGramModel(decoder.config, decoder.logmath, str(path))
            self._models[key] = made, len(self._sounds)
        self._models.move_to_end(key)
        if len(self._models) > _MOST_MODELS:
            self._models.popitem(last=False)
        return self._models[key]
