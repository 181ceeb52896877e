"""Links of the pages that lead out of `docs/`: to files of the checkout, and to other sites.

Pages are read on their own, too, where a link to `../benchmarks/README.md` works. In the site that page is a page, and
other files are downloads. A link to a file that is not there is a warning. All links to other sites are listed in
`links.txt` of the site.
"""

import re
from pathlib import Path

from docutils import nodes

_LINK = re.compile(r"\]\(((?:\.\./)+)([^)#\s]+)(#[^)\s]*)?\)")
_PAGES = {"benchmarks/README.md": "benchmarks.md", "findings/README.md": "findings.md", "README.md": "index.md"}


def _inward(app, name, source):
    """Turn links to files of the checkout into links to pages of the site, or downloads."""
    page = Path(app.srcdir, app.env.doc2path(name, base=False)).parent
    root = Path(app.srcdir).parent

    def replaced(match):
        up, rest, anchor = match.groups()
        target = (page / up / rest).resolve()
        if target.is_relative_to(Path(app.srcdir)):
            return match.group()
        inside = target.relative_to(root).as_posix()
        if inside in _PAGES:
            return f"]({'../' * len(page.relative_to(app.srcdir).parts)}{_PAGES[inside]}{anchor or ''})"
        return match.group()  # MyST offers the file as a download, or warns that there is none

    source[0] = _LINK.sub(replaced, source[0])


def _listed(app, error):
    """Write the links to other sites into a file of the site."""
    if error is None and app.builder.format == "html":
        found = sorted(getattr(app.env, "links_elsewhere", ()))
        Path(app.outdir, "links.txt").write_text("".join(f"{link}\n" for link in found), encoding="utf-8")


def _collect(app, document):
    links = {node["refuri"] for node in document.findall(nodes.reference) if node.get("refuri", "").startswith("http")}
    app.env.links_elsewhere = getattr(app.env, "links_elsewhere", set()) | links


def setup(app):
    """Connect to Sphinx."""
    app.connect("source-read", _inward)
    app.connect("doctree-read", _collect)
    app.connect("build-finished", _listed)
    return {"parallel_read_safe": False}
