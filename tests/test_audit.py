"""An audit of the packages: what a database says, and that no answer is not taken for a good one."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
LOCK = "good==1.0\nbad==2.0 ; python_version >= '3.0'\n"
TODAY = r"\d{4}-\d\d-\d\d: "


class _Database(http.server.BaseHTTPRequestHandler):
    """Answers as osv.dev does; in it, every release of the package ``bad`` is vulnerable."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = asked["package"]["name"]
        package = {"name": name, "ecosystem": "PyPI"}
        events = [{"introduced": "0"}, {"fixed": "3.0"}]
        affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}], "versions": ["2.0"]}]
        known = [{"id": "PYSEC-0-0", "modified": "2026-01-01T00:00:00Z", "summary": "s", "affected": affected}]
        answer = json.dumps({"vulns": known} if name == "bad" else {}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


class _Portal(_Database):
    """What a hotel's network answers to everything."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Please log in.</html>")


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), getattr(request, "param", _Database)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def audit(folder: Path, *options: str, lock: str = LOCK) -> subprocess.CompletedProcess[str]:
    (folder / "lock.txt").write_text(lock)
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")  # no way out of this machine
    return subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "audit.py"), "lock.txt", "--record", "audit.json", *options],
        cwd=folder, env={**os.environ, **nowhere, "no_proxy": "127.0.0.1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_a_network_the_audit_says_so_with_the_date_and_is_neither_red_nor_clean(tmp_path: Path) -> None:
    run = audit(tmp_path)
    assert run.returncode == 0
    assert re.match(TODAY + "NOT AUDITED, for no database of vulnerabilities could be reached", run.stderr)
    assert "known vulnerabilities" not in run.stdout + run.stderr
    assert "There is no earlier audit here." in run.stderr
    assert not (tmp_path / "audit.json").exists()


@pytest.mark.parametrize("address", [_Portal], indirect=True)
def test_an_answer_that_is_none_of_a_database_is_no_audit(address: str, tmp_path: Path) -> None:
    run = audit(tmp_path, "--database", "osv", "--osv-url", address, lock="good==1.0\n")
    assert (run.returncode, run.stdout) == (0, "")
    assert "NOT AUDITED" in run.stderr


def test_a_database_that_answers_finds_what_is_vulnerable_and_only_that(address: str, tmp_path: Path) -> None:
    run = audit(tmp_path, "--osv-url", address)  # the first database cannot be reached, the second can
    assert run.returncode == 1
    assert "bad 2.0: PYSEC-0-0, mended in 3.0" in run.stderr
    assert re.match(TODAY + "2 packages of lock.txt looked up in the database osv: 1 known vulnerab", run.stdout)
    run = audit(tmp_path, "--osv-url", address, lock="good==1.0\n")
    assert run.returncode == 0, run.stderr
    assert "0 known vulnerabilities, 0 packages that it does not know" in run.stdout
    run = audit(tmp_path)
    assert re.search(r"The last audit here is of \S+, with 0 known vulnerabilities", run.stderr)


def test_a_lock_file_that_is_none_is_not_taken_for_a_missing_network(tmp_path: Path) -> None:
    run = audit(tmp_path, lock="good==1.0\nno such line\n")
    assert run.returncode != 0
    assert "'no such line' is no package with its version" in re.sub(r"[\s│]+", " ", run.stderr)
    assert "NOT AUDITED" not in run.stderr
