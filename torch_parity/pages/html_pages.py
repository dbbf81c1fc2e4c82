"""What the pages to keep have in common: one look, in light and in dark, and nothing loaded from elsewhere."""

import html

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --paper: #fff; --quiet: #5b6875; --line: #dde3e9; --track: #edf1f5;
        --soft: #f4f6f8; --pale: #9aa5b1; --good: #d9f0e0; --good-ink: #0c5527; --bad: #fbdcd8; --bad-ink: #8c1d10;
        --numpy: #2f76c0; --torch: #d9691e; }
@media (prefers-color-scheme: dark) {
:root { --ink: #dfe6ed; --paper: #14191f; --quiet: #9aa7b4; --line: #2c3640; --track: #28323c; --soft: #1d242c;
        --pale: #66727e; --good: #153d25; --good-ink: #a5e2bb; --bad: #4d1d18; --bad-ink: #f5b8b0;
        --numpy: #64a8ec; --torch: #f09a57; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 84rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
p { max-width: 48rem; }
table { border-collapse: collapse; font-size: .9rem; } .wide { overflow-x: auto; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .85rem ui-monospace, monospace; } .quiet { color: var(--quiet); }
.verdict { display: inline-block; padding: .2rem .8rem; border-radius: .3rem; font-weight: 600; }
.good { background: var(--good); color: var(--good-ink); } .bad { background: var(--bad); color: var(--bad-ink); }
.bar { display: inline-block; width: 7rem; height: .7rem; background: var(--track); border-radius: .2rem;
       overflow: hidden; vertical-align: middle; margin-right: .5rem; }
.bar span { display: block; height: 100%; background: var(--numpy); }
td.share, td.name { white-space: nowrap; }
"""


def document(title: str, sections: list[str], style: str = "") -> str:
    """The whole page: ``sections`` of HTML under ``title``, with ``style`` added to the common one."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )


def bar(share: float, label: str | None = None) -> str:
    """A share as a bar, and as a number or what ``label`` says."""
    width = max(0.5, min(100.0, 100 * share))
    return f"<span class='bar'><span style='width:{width:.1f}%'></span></span>{label or f'{share:.1%}'}"


def escape(value: object) -> str:
    """``value`` as text that no browser takes for HTML."""
    return html.escape(str(value))
