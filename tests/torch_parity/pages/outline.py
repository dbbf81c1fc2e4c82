"""What a screen reader needs of a page, whichever it is."""

from html.parser import HTMLParser

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
LANDMARKS = ("header", "main", "footer")


class Outline(HTMLParser):
    """The landmarks, headings, regions and table headers of a page, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.language: str | None = None
        self.landmarks: list[str] = []
        self.headings: list[int] = []
        self.regions: list[dict[str, str | None]] = []
        self.scopes: list[str | None] = []
        self.title = ""
        self._inside: list[str] = []
        self._outside_landmarks: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang")
        if tag in LANDMARKS:
            self.landmarks.append(tag)
        if tag in HEADINGS:
            self.headings.append(HEADINGS.index(tag) + 1)
        if given.get("role") == "region":
            self.regions.append(given)
        if tag == "th":
            self.scopes.append(given.get("scope"))
        if tag == "table":
            assert "region" in self._inside or "image" in self._inside, "a table that cannot scroll by itself"
        if tag not in ("meta", "img", "br"):
            name = given.get("role") or given.get("class") or tag
            self._inside.append(tag if tag in ("title", "style", "body", *LANDMARKS) else name)

    def handle_endtag(self, tag: str) -> None:
        self._inside.pop()

    def handle_data(self, text: str) -> None:
        if "title" in self._inside:
            self.title += text
        elif "body" in self._inside and not set(LANDMARKS) & set(self._inside) and text.strip():
            self._outside_landmarks.append(text)

    def check(self) -> None:
        """Assert all that holds for every page."""
        assert self.language == "en"
        assert self.title.strip()
        assert self.landmarks == ["header", "main", "footer"]
        assert not self._outside_landmarks
        assert self.headings[0] == 1
        assert self.headings.count(1) == 1
        steps = [below - above for above, below in zip(self.headings, self.headings[1:], strict=False)]
        assert max(steps) <= 1, "a level of headings is skipped"
        assert set(self.scopes) <= {"row", "col", "rowgroup", "colgroup"}
        labels = [region["aria-label"] for region in self.regions]
        assert all(labels)
        assert len(set(labels)) == len(labels), "regions that a screen reader cannot tell apart"
        assert all(region["tabindex"] == "0" for region in self.regions), "a region that the keyboard cannot scroll"
