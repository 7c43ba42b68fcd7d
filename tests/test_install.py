"""Setting up: the second time does nothing, and what cannot work is said in a sentence that tells what to do."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """scripts/install.py, working in an empty folder."""
    spec = importlib.util.spec_from_file_location("install", ROOT / "scripts" / "install.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    places = {"ROOT": tmp_path, "VENV": tmp_path / ".venv", "STAMPS": tmp_path / ".venv" / ".stamps"}
    places |= {"PYTHON": tmp_path / ".venv" / "bin" / "python", "LOG": tmp_path / ".venv" / "setup.log"}
    for name, path in places.items():
        monkeypatch.setattr(module, name, path)
    return module


def test_a_python_without_pip_names_the_package_to_install(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(install, "become_root", lambda: None)
    with pytest.raises(install.Problem, match=r"apt-get install python3\.\d+-venv.*make PYTHON="):
        install.make_venv()


def test_a_user_who_may_not_install_a_browser_is_told_who_can(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.delenv("WXBOT_CHROMIUM", raising=False)
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    monkeypatch.setattr(install, "become_root", lambda: None)
    with pytest.raises(install.Problem, match=r"sudo apt-get install chromium.*WXBOT_CHROMIUM.*make test BROWSER=0"):
        install.need_browser()
    monkeypatch.setenv("BROWSER", "0")
    install.need_browser()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "free about 1 GB"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "use another mirror"),
        ("npm error code EAI_AGAIN", "could not be reached"),
        ("Failed to establish a new connection: NewConnectionError", "could not be reached"),
        ("ssl.SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED", "clock"),
        ("ERROR: No matching distribution found for celery==5.7.0", "celery==5.7.0 is not offered"),
        ("something nobody has seen before", ""),
    ],
)
def test_known_failures_get_a_sentence(install: ModuleType, output: str, sentence: str) -> None:
    said = install.explain(output)
    assert sentence in said and bool(said) is bool(sentence)


def test_a_failing_tool_shows_its_last_words_the_advice_and_the_log(install: ModuleType) -> None:
    command = [sys.executable, "-c", "print('the last words'); raise SystemExit(3)"]
    with pytest.raises(install.Problem, match=r"(?s)the last words.*try the other thing.*setup\.log"):
        install.run(command, "try the other thing")
    assert "the last words" in (install.VENV / "setup.log").read_text(encoding="utf-8")


def test_an_old_python_is_told_so(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "OLDEST_PYTHON", (99, 0))
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    with pytest.raises(install.Problem, match=r"needs Python.*make PYTHON="):
        install.right_python()


def test_the_script_parses_on_pythons_too_old_to_run_it() -> None:
    source = (ROOT / "scripts" / "install.py").read_text(encoding="utf-8")
    compile(source, "install.py", "exec", dont_inherit=True)
    assert __import__("ast").parse(source, feature_version=(3, 7)), (
        "an old Python must reach the sentence that says it is too old"
    )


def test_a_finished_step_is_not_done_again_until_its_source_changes(install: ModuleType) -> None:
    lock = install.ROOT / "requirements" / "demo.lock"
    lock.write_text("six==1.17.0\n", encoding="utf-8")
    (install.ROOT / "requirements" / "dev.lock").write_text("six==1.17.0\n", encoding="utf-8")
    install.stamp("packages-demo", install.digest(lock))
    install.install_packages("demo")  # nothing to run: there is no Python here that could
    lock.write_text("six==1.17.1\n", encoding="utf-8")
    with pytest.raises((install.Problem, OSError)):
        install.install_packages("demo")


def test_make_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "check", "fmt", "lock", "assets", "bench", "proof", "browser", "wheel", "clean"):
        assert f"\n  {target} " in shown, f"{target} is missing from make help: give it a ## comment"
