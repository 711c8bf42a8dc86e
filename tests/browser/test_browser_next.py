"""The way on leads to the top of the next page, for the eye and for the keyboard."""

from browsing import browser_page, heading, primary_button, server, settled
from projects import project_with_pictures


def test_next_opens_a_page_at_its_top_with_the_focus_there(workspace):
    project = project_with_pictures(each=40)
    with server(workspace.root) as address, browser_page(width=390, height=700) as page:
        page.goto(f"{address}/images?project={project.id}")
        settled(page)
        page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, 1e6)")
        primary_button(page, "Next: choose layers").click()
        heading(page, "Choose how to transfer")
        settled(page)
        assert page.locator("[data-testid=stMain]").evaluate("main => main.scrollTop") < 5
        assert page.evaluate("document.activeElement.tagName") == "H1"
        page.keyboard.press("Tab")
        assert page.evaluate(
            "[...document.querySelectorAll('h1')].every(title => title.compareDocumentPosition("
            "document.activeElement) & Node.DOCUMENT_POSITION_FOLLOWING)"
        )


def test_a_page_that_lost_all_it_showed_is_loaded_anew(workspace):
    with server(workspace.root) as address, browser_page() as page:
        page.goto(address)
        settled(page)
        page.evaluate("() => document.getElementById('root').replaceChildren()")
        page.get_by_role("heading", level=1).wait_for()
