"""Each page under two sets of system fonts: its own fonts alone decide the layout."""

import os
from functools import cache
from pathlib import Path

import matplotlib
import pytest
import yaml

TOC = yaml.safe_load((Path(__file__).parents[2] / "_toc.yml").read_text("utf8"))
CHAPTERS = [c["file"] for part in TOC["parts"] for c in part["chapters"]]
each_page = pytest.mark.parametrize(
    "name", [f"{name}.html" for name in [TOC["root"], *CHAPTERS]]
)
# both come with Matplotlib: what they offer as sans-serif and as monospace
SETS = {
    "wide": ("DejaVu Sans", "DejaVu Sans Mono"),
    "narrow": ("STIXGeneral", "cmtt10"),
}
CONFIG = """<fontconfig>
<dir>{fonts}</dir>
<cachedir>{cache}</cachedir>
<alias binding="same"><family>sans-serif</family>
<prefer><family>{sans}</family></prefer></alias>
<alias binding="same"><family>monospace</family>
<prefer><family>{mono}</family></prefer></alias>
</fontconfig>"""
# The scrollbar of a desktop takes 15 to 17 pixels of a window, and this browser shows
# none; the rest is for glyphs that another rasteriser rounds up.
SLACK = 20
DESKS = [1300, 1200]  # the usual window of these tests; the narrowest with two sidebars
PHONE = 390
# what a reader can unfold is measured too
UNFOLD = """() => {
    document.querySelectorAll("details").forEach(e => { e.open = true; });
    document.querySelectorAll(".toggle-hidden")
        .forEach(e => e.classList.remove("toggle-hidden"));
}"""
BOXES = """() => [...document.querySelectorAll("article *")].map(e => {
    const {x, y, width, height} = e.getBoundingClientRect();
    return `${e.localName}.${e.className} ${[x, y, width, height].join(" ")}`;
})"""
TIGHT = """(slack) => {
    const article = document.querySelector("article");
    const before = article.offsetWidth;
    article.style.marginRight = `${slack}px`;
    const boxes = "article pre, article div.math, article mjx-container[display]";
    const tight = [...document.querySelectorAll(boxes)]
        .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth)
        .map(e => e.textContent.slice(0, 60));
    const taken = before - article.offsetWidth;
    article.style.marginRight = "";
    return {taken, tight};
}"""
# a glyph at the very edge of a box that clips loses a row of pixels
CLIPPED = """() => [...document.querySelectorAll("article .math")].filter(formula => {
    const glyphs = [...formula.querySelectorAll("mjx-c")]
        .map(e => e.getBoundingClientRect()).filter(r => r.height);
    const box = formula.querySelector("mjx-container[display]") ?? formula;
    const {top, bottom} = box.getBoundingClientRect();
    return glyphs.some(r => r.top < top + 1 || r.bottom > bottom - 1);
}).map(e => e.textContent.trim())"""
# all characters of a page, once for each font that the style sheets name for them
PROBE = """() => {
    const seen = {};
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const parent = walk.currentNode.parentElement;
        if (parent.closest("script, style, noscript, mjx-container")) continue;
        const {fontFamily, fontStyle} = getComputedStyle(parent);
        const characters = seen[`${fontStyle} 16px ${fontFamily}`] ??= new Set();
        [...walk.currentNode.data.trim()].forEach(c => characters.add(c));
    }
    const probe = document.body.appendChild(document.createElement("div"));
    probe.id = "probe";
    for (const [font, characters] of Object.entries(seen)) {
        const p = probe.appendChild(document.createElement("p"));
        p.style.font = font;
        p.textContent = [...characters].join("");
    }
    probe.offsetWidth;  // a font that so far only hidden text names is fetched now
    return document.fonts.ready.then(() => 0);
}"""
WIDTH = """(family) => {
    const span = document.body.appendChild(document.createElement("span"));
    Object.assign(span.style, {position: "absolute", fontFamily: family});
    span.style.whiteSpace = "nowrap";
    span.textContent = "A line is as long on every machine.";
    const {width} = span.getBoundingClientRect();
    span.remove();
    return width;
}"""


@pytest.fixture(scope="session")
def readers(launch, new_visit, site, tmp_path_factory):
    """One browser for each set of system fonts."""
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    visits = {}
    for name, (sans, mono) in SETS.items():
        folder = tmp_path_factory.mktemp(name)
        text = CONFIG.format(fonts=fonts, cache=folder, sans=sans, mono=mono)
        config = folder / "fonts.conf"
        config.write_text(text)
        chromium = launch(env={**os.environ, "FONTCONFIG_FILE": str(config)})
        visits[name] = new_visit(site, on=chromium)
    return visits


def fonts_used(page):
    """Return name and origin of each font that the browser draws the text with."""
    page.evaluate(PROBE)
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    query = {"nodeId": root, "selector": "#probe > p"}
    used = set()
    for node in session.send("DOM.querySelectorAll", query)["nodeIds"]:
        drawn = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})
        used |= {(f["familyName"], f["isCustomFont"]) for f in drawn["fonts"]}
    session.detach()
    return used


@pytest.fixture(scope="session")
def look(readers):
    """Open a page once under one set of fonts, and measure it."""

    @cache
    def facts(name, fonts):
        page = readers[fonts].page
        page.set_viewport_size({"width": DESKS[0], "height": 900})
        readers[fonts].open(name)
        page.evaluate("document.fonts.ready.then(() => 0)")
        page.evaluate(UNFOLD)
        found = {"boxes": page.evaluate(BOXES), "clipped": page.evaluate(CLIPPED)}
        for width in DESKS:
            page.set_viewport_size({"width": width, "height": 900})
            found[width] = page.evaluate(TIGHT, SLACK)
        page.set_viewport_size({"width": PHONE, "height": 844})
        found["phone"] = page.evaluate("document.documentElement.scrollWidth")
        return found | {"fonts": fonts_used(page)}

    return facts


each_set = pytest.mark.parametrize("fonts", SETS)


@pytest.mark.parametrize("family", ["sans-serif", "monospace"])
def test_the_two_sets_differ(readers, family):
    """The other tests are worth nothing if both browsers fall back to one font."""
    widths = [
        visit.open("book/intro.html").evaluate(WIDTH, family)
        for visit in readers.values()
    ]
    assert widths[0] > 1.05 * widths[1]


@each_page
@each_set
def test_text_is_drawn_with_the_fonts_of_the_book(look, name, fonts):
    used = look(name, fonts)["fonts"]
    assert used
    assert {family for family, travels in used if not travels} == set()


@each_page
def test_no_box_moves_with_the_system_fonts(look, name):
    wide, narrow = (look(name, fonts)["boxes"] for fonts in SETS)
    assert len(wide) == len(narrow) > 0
    assert [pair for pair in zip(wide, narrow, strict=True) if len({*pair}) > 1][
        :3
    ] == []


@pytest.mark.parametrize("width", DESKS)
@each_page
@each_set
def test_code_and_maths_have_slack(look, name, fonts, width):
    assert look(name, fonts)[width] == {"taken": SLACK, "tight": []}


@each_page
@each_set
def test_no_glyph_touches_the_edge_that_clips_it(look, name, fonts):
    assert look(name, fonts)["clipped"] == []


@each_page
@each_set
def test_a_phone_scrolls_only_down(look, name, fonts):
    assert look(name, fonts)["phone"] <= PHONE


def test_formulas_keep_their_size_where_the_fonts_come_late(new_visit, site):
    page = new_visit(site).page
    sizes = []
    for pattern in ("**/nothing.woff2", "**/fonts/*.woff2"):
        page.route(pattern, lambda route: route.abort())
        page.goto(f"{site}/notebooks/12-soft-impute.html")
        page.evaluate("MathJax.startup.promise")
        formulas = page.locator("article mjx-container")
        sizes.append(formulas.evaluate_all("e => e.map(e => e.style.fontSize)"))
    assert len(set(sizes[0])) == 1
    assert sizes[0] == sizes[1]
