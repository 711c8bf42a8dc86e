"""Small projects and fresh sessions for the tests of pages."""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.shared.images.background_adding import imports_of
from tl_core.images import SourceFile, add_images
from tl_core.runs.catalogue import CATALOGUE
from tl_core.runs.draft import save_backbone
from tl_core.workspace import Project, create_project, open_project, open_workspace

APP = Path(__file__).parents[1] / "app.py"
NASTY = '<b>bold</b> **stars** :smile: "q" [x](y) 叶子 شجرة -> www.a.com $x$'


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def files(class_names: tuple[str, ...], each: int) -> Iterator[SourceFile]:
    for index, name in enumerate(class_names):
        for number in range(each):
            content = picture((index * 40, number * 5, 90))
            yield SourceFile(f"{name}/{number}.png", lambda content=content: content, name)


def project_with_pictures(
    name: str = "Leaves", class_names: tuple[str, ...] = ("healthy", "rust"), each: int = 3
) -> Project:
    """Make a project with small pictures and the bundled backbone."""
    workspace = open_workspace()
    project = create_project(workspace, name)
    save_backbone(workspace, project.id, CATALOGUE[0])
    for _ in add_images(workspace, project.id, files(class_names, each)):
        pass
    return open_project(workspace, project.id)


def open_app(page: str = "pages/home.py", project: Project | None = None) -> AppTest:
    """Open the app in a fresh session, on a page."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.run()
    if project is not None:
        app.query_params["project"] = project.id
    return app.switch_page(page).run() if page != "pages/home.py" else app.run()


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    for _ in range(int(seconds * 10)):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def wait_for_imports(project_id: str) -> None:
    wait_until(lambda: all(batch.finished for batch in imports_of(project_id)))


def press(app: AppTest, label: str) -> AppTest:
    """Press the button with this label, with all that was typed before."""
    return next(button for button in app.button if button.label == label).click().run()


def open_dialog(module: str, name: str, *args: object) -> AppTest:
    """Open one dialog alone: `AppTest` would close it with the first click inside the app."""

    def script(module, name, args):
        from importlib import import_module

        getattr(import_module(f"pages.shared.{module}"), name)(*args)

    app = AppTest.from_function(script, default_timeout=60, args=(module, name, args))
    return app.run()


def texts(app: AppTest) -> str:
    """Return all messages on the page, as they read."""
    found = [e.value for e in (*app.success, *app.warning, *app.info, *app.error)]
    return " ".join(found).replace("\\", "").replace("\u2060", "")
