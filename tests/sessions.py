"""Fresh sessions of the app."""

import json
import re
from pathlib import Path

from patience import wait_until
from streamlit.testing.v1 import AppTest

from pages.shared.background import job_of
from pages.shared.images.arrivals import arrivals
from tl_core.workspace import Project

APP = Path(__file__).parents[1] / "app.py"
NASTY = '<b>bold</b> **stars** :smile: "q" [x](y) 叶子 شجرة -> www.a.com $x$'


def open_app(page: str = "pages/home.py", project: Project | None = None) -> AppTest:
    """Open the app in a fresh session, on a page."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    if project is not None:
        app.query_params["project"] = project.id
    return app.switch_page(page).run() if page != "pages/home.py" else app.run()


def wait_for_imports(project_id: str) -> None:
    wait_until(lambda: all(job.finished for job in arrivals(project_id).values()))


def press(app: AppTest, label: str) -> AppTest:
    """Press the button with this label, with all that was typed before."""
    return next(button for button in app.button if button.label == label).click().run()


def unfold(app: AppTest, key: str, *, to: bool = True) -> AppTest:
    """Open the folded part with this key, or close it."""
    app.session_state[key] = to
    return app.run()


def open_dialog(module: str, name: str, *args: object) -> AppTest:
    """Open one dialog alone: `AppTest` would close it with the first click inside the app."""

    def script(module, name, args):
        from importlib import import_module

        getattr(import_module(f"pages.shared.{module}"), name)(*args)

    app = AppTest.from_function(script, default_timeout=60, args=(module, name, args))
    return app.run()


def texts(app: AppTest) -> str:
    """Return all that the page wrote as HTML of its own, without explanations of terms."""
    shown = " ".join(element.proto.body for element in app.get("html"))
    return without_tips(shown).replace("&nbsp;", " ").replace("\xa0", " ")


def without_tips(html: str) -> str:
    """Return HTML with the terms in it as plain words."""
    return re.sub(
        r'<span class="tl-term".*?>(.*?)<span class="tl-tip".*?</span></span>', r"\1", html
    )


def primary(app: AppTest) -> list[str]:
    return [button.label for button in app.button if button.proto.type == "primary"]


def run_in_address(app: AppTest) -> str:
    value = app.query_params["run"]
    return value if isinstance(value, str) else value[0]


def messages(app: AppTest) -> str:
    """Return all messages on the page, as they read."""
    found = [e.value for e in (*app.success, *app.warning, *app.info, *app.error)]
    return " ".join(found).replace("\\", "").replace("\u2060", "")


def shown(app: AppTest) -> dict:
    """Return what the gallery was given to draw."""
    found = [json.loads(one.proto.json) for one in app.get("bidi_component")]
    return next(data for data in found if "tiles" in data)


def wait_for_rebuilding() -> None:
    wait_until(lambda: (job := job_of("rebuild")) is not None and job.finished)
