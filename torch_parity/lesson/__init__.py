"""The lesson: a page that cannot be wrong, since every number on it is computed, and proven, when the page is built."""
