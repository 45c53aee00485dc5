"""The atlas of claims in a real browser: Debian's Chromium or another one, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.test_report import everything, some

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

pytestmark = pytest.mark.skipif(
    EXECUTABLE is None, reason="no Chromium is installed (apt install chromium): the page is not opened in a browser"
)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

PHONE = 360
"""Pixels of a narrow phone."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # A launch makes a profile of its own and removes it.
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """``some`` claims with everything, and ``everything``, all claims."""
    folder = tmp_path_factory.mktemp("atlas")
    out = {}
    for name, built in (("some", some), ("everything", everything)):
        file = folder / f"{name}.html"
        file.write_text(built()[1], encoding="utf-8")
        out[name] = file.as_uri()
    return out


class Visit:
    """A page with what the browser had to say about it."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()

    def open_all(self) -> None:
        self.page.evaluate("for (const e of document.querySelectorAll('details')) e.open = true")

    def rows(self) -> list[str]:
        """The parts that the table shows."""
        names: list[str] = self.page.locator("tr.part:visible th a").all_text_contents()
        return names


@pytest.mark.parametrize("which", ["some", "everything"])
def test_nothing_is_complained_of_and_nothing_is_fetched(
    browser: Browser, addresses: dict[str, str], which: str
) -> None:
    with Visit(browser, addresses[which]) as visit:
        visit.open_all()
        visit.page.wait_for_load_state("load")
        assert not visit.said
        assert {url for url in visit.asked if not url.startswith("data:")} == {addresses[which]}


def test_every_formula_shows(browser: Browser, addresses: dict[str, str]) -> None:
    """On a narrow phone, where long ones must be broken or scroll by themselves."""
    with Visit(browser, addresses["everything"], viewport={"width": PHONE, "height": 800}) as visit:
        visit.open_all()
        sizes = visit.page.evaluate(
            "[...document.querySelectorAll('math')].map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
        )
        assert len(sizes) >= len(everything()[0].readings)
        assert all(width > 2 and height > 2 for width, height in sizes)
        assert visit.page.locator("merror").count() == 0
        # Chromium shows what it does not know as a row: every element must be one that it knows.
        unknown = visit.page.evaluate(
            "[...document.querySelectorAll('math *')].filter(e => !(e instanceof MathMLElement)).map(e => e.localName)"
        )
        assert not unknown


def test_most_formulas_fit_a_phone(browser: Browser, addresses: dict[str, str]) -> None:
    """They are broken into lines; only one in eight, with a long product or bracket, has to scroll."""
    with Visit(browser, addresses["everything"], viewport={"width": PHONE, "height": 800}) as visit:
        visit.open_all()
        found = visit.page.evaluate(
            "[...document.querySelectorAll('.formula')].filter(e => e.scrollWidth > e.clientWidth).length"
        )
        assert found <= len(everything()[0].readings) / 8


def test_pictures_are_decoded(browser: Browser, addresses: dict[str, str]) -> None:
    with Visit(browser, addresses["some"]) as visit:
        visit.open_all()
        widths = visit.page.evaluate(
            "Promise.all([...document.images].map(async e => { e.loading = 'eager'; await e.decode(); "
            "return e.naturalWidth; }))"
        )
        assert len(widths) > 5
        assert all(width > 100 for width in widths)


@pytest.mark.parametrize("which", ["some", "everything"])
def test_a_phone_does_not_scroll_sideways(browser: Browser, addresses: dict[str, str], which: str) -> None:
    with Visit(browser, addresses[which], viewport={"width": PHONE, "height": 800}) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE
        visit.open_all()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE
        # What is wider than its line can be reached by keyboard.
        assert visit.page.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done("
            "[...document.querySelectorAll('.formula')].every("
            "e => e.scrollWidth <= e.clientWidth || e.tabIndex === 0)))))"
        )


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", PHONE)], ids=["light", "dark", "phone"]
)
def test_accessibility(browser: Browser, addresses: dict[str, str], scheme: Any, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    with Visit(browser, addresses["some"], **options) as visit:
        visit.open_all()
        found = Axe().run(visit.page, options={"runOnly": RULES, "resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()


def test_headings_and_landmarks(browser: Browser, addresses: dict[str, str]) -> None:
    with Visit(browser, addresses["everything"]) as visit:
        levels = visit.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(e => +e.localName[1])")
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert [visit.page.locator(x).count() for x in ("main", "nav", "header.top", "body > footer")] == [1] * 4


@pytest.mark.parametrize(("width", "stop"), [(1280, -1), (PHONE, 0)], ids=["wide", "phone"])
def test_contents_are_a_control_only_where_they_fold(
    browser: Browser, addresses: dict[str, str], width: int, stop: int
) -> None:
    with Visit(browser, addresses["some"], viewport={"width": width, "height": 800}) as visit:
        contents = visit.page.locator("nav details")
        assert contents.locator("summary").evaluate("e => e.tabIndex") == stop
        assert contents.evaluate("e => e.open") == (stop < 0)
        assert contents.get_by_role("link", name="Summary").is_visible() == (stop < 0)


# Filters ----------------------------------------------------------------------------------------------------------


def test_filters_by_keyboard(browser: Browser, addresses: dict[str, str]) -> None:
    """Tab to a filter, choose, hear how many are left; the address keeps the choice; then show all again."""
    parts = some()[0].parts
    refuted = [p.name for p in parts if p.outcome("printed") == "refuted"]
    with Visit(browser, addresses["some"]) as visit:
        page = visit.page
        assert visit.rows() == [p.name for p in parts]
        assert page.locator("#shown").get_attribute("aria-live") == "polite"
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "filter-printed":
                break
        page.keyboard.type("ref")
        assert visit.rows() == refuted
        assert page.locator("#shown").text_content() == f"{len(refuted)} of {len(parts)} parts"
        assert page.url.endswith("#?printed=refuted")
        while page.evaluate("document.activeElement.localName") != "button":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_function("location.hash === ''")
        assert visit.rows() == [p.name for p in parts]
        assert not visit.said


def test_search(browser: Browser, addresses: dict[str, str]) -> None:
    """All words must occur, in the name or in the statement as plain text."""
    with Visit(browser, addresses["everything"]) as visit:
        box = visit.page.get_by_role("searchbox", name="Search")
        box.fill("COV comonotone")
        expected = [p.name for p in everything()[0].parts if "cov" in p.search and "comonotone" in p.search]
        assert 0 < len(expected) < 20
        assert visit.rows() == expected
        box.fill("no such claim")
        assert visit.rows() == []
        assert visit.page.locator("#shown").text_content() == f"0 of {len(everything()[0].parts)} parts"
        assert visit.page.locator("tbody:visible").count() == 0


def test_a_filtered_view_has_an_address(browser: Browser, addresses: dict[str, str]) -> None:
    with Visit(browser, addresses["everything"] + "#?section=viii&corrected=none&q=rloo") as visit:
        assert visit.page.locator("#filter-section").input_value() == "viii"
        assert visit.page.locator("#filter-text").input_value() == "rloo"
        assert all("section-viii" in name for name in visit.rows())
        everything_printed = [p.name for p in everything()[0].parts if p.name.startswith("section-viii/rloo")]
        assert visit.rows() == everything_printed


# Links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["theorem-v.2", "theorem-v.2/eq-16", "theorem-v.2/eq-16:corrected", "section:v"])
def test_a_link_leads_to_its_claim(browser: Browser, addresses: dict[str, str], name: str) -> None:
    """Also into a statement that is closed: it opens, and the claim is in view."""
    with Visit(browser, addresses["everything"] + f"#{name}") as visit:
        visit.page.wait_for_timeout(300)
        target = visit.page.locator(f'[id="{name}"]')
        assert target.is_visible()
        box = target.bounding_box()
        assert box is not None
        assert -5 <= box["y"] < 450


def test_a_row_leads_to_its_part(browser: Browser, addresses: dict[str, str]) -> None:
    with Visit(browser, addresses["some"]) as visit:
        visit.page.emulate_media(reduced_motion="reduce")
        row = visit.page.locator("tr.part th a", has_text="lemma-iv.1").first
        row.focus()
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_timeout(200)
        assert visit.page.locator('[id="lemma-iv.1:printed"]').is_visible()


def test_a_statement_opens_by_keyboard(browser: Browser, addresses: dict[str, str]) -> None:
    with Visit(browser, addresses["some"]) as visit:
        reading = visit.page.locator('[id="theorem-v.2/eq-16:printed"]')
        assert not reading.is_visible()
        visit.page.locator('[id="theorem-v.2"] summary').first.focus()
        visit.page.keyboard.press("Enter")
        assert reading.is_visible()
        visit.page.get_by_role("button", name="Open all statements").press("Enter")
        assert visit.page.locator("details.fold:not([open])").count() == 0


def test_a_certificate_can_be_downloaded(browser: Browser, addresses: dict[str, str], tmp_path: Path) -> None:
    with Visit(browser, addresses["some"]) as visit:
        visit.open_all()
        with visit.page.expect_download() as download:
            visit.page.locator("a[download]").first.click()
        assert download.value.suggested_filename.endswith("_printed.json")
        download.value.save_as(tmp_path / "certificate.json")
        assert '"format": "entropy-theory-certificate"' in (tmp_path / "certificate.json").read_text(encoding="utf-8")


# Without script, and on paper -------------------------------------------------------------------------------------


def test_without_script_the_page_is_complete(browser: Browser, addresses: dict[str, str]) -> None:
    address = addresses["some"]
    with Visit(browser, f"{address}#theorem-v.2/eq-16:printed", java_script_enabled=False) as visit:
        assert visit.rows() == [p.name for p in some()[0].parts]
        assert not visit.page.locator("#filters").is_visible()
        assert not visit.page.locator("#unfold").is_visible()
        assert visit.page.locator('[id="theorem-v.2/eq-16:printed"]').is_visible(), "a link opens what is closed"
        summary = visit.page.locator('[id="theorem-v.2/eq-16:printed"] summary')
        summary.click()
        assert visit.page.locator('[id="theorem-v.2/eq-16:printed"] .inside').is_visible()


def test_a_print_shows_everything(browser: Browser, addresses: dict[str, str]) -> None:
    """Whatever is closed or filtered on the screen."""
    with Visit(browser, addresses["some"] + "#?q=lemma") as visit:
        page = visit.page
        assert 0 < len(visit.rows()) < len(some()[0].parts)
        page.emulate_media(media="print")
        assert visit.rows() == [p.name for p in some()[0].parts]
        insides = page.locator(".inside")
        assert insides.count() == len(some()[0].readings)
        assert all(insides.nth(i).is_visible() for i in range(insides.count()))
        for hidden in ("#filters", "nav", "#shown", ".mark", "#unfold"):
            assert not page.locator(hidden).first.is_visible()
        paper = page.pdf()
        assert paper.startswith(b"%PDF")
        assert len(paper) > 50_000
