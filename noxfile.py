"""Sessions on each supported Python, and with the lowest and the newest allowed versions of what the package needs.

nox -s tests            # the whole test suite, on each Python that is there
nox -s verdicts         # every verdict on the paper, compared with VERDICTS.md
nox -s verdicts_lowest  # the same with the lowest allowed versions
nox -s verdicts_locked  # the same with the versions in lock.txt, and then the tables themselves
"""

import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

# Kernels that every x86 processor with AVX2 has: others round differently, and lead the search along another path.
KERNELS = {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}

nox.options.sessions = ["tests", "verdicts", "verdicts_lowest"]
nox.options.error_on_missing_interpreters = False


def lowest() -> list[str]:
    """The requirements with each lower bound as the version."""
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return [requirement.replace(">=", "==") for requirement in requirements]


def compare(session: nox.Session, *options: str, env: dict[str, str] | None = None) -> None:
    """Decide every claim and compare with what is published."""
    session.run("entropy-theory", "verify", "--quiet", "--json", "verdicts.json", env=env)
    session.run("python", str(ROOT / "tests" / "published.py"), "verdicts.json", *options)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The whole test suite."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python=PYTHONS)
def verdicts(session: nox.Session) -> None:
    """Every verdict, with the newest versions."""
    session.install(str(ROOT))
    session.chdir(session.create_tmp())
    compare(session)


@nox.session(python="3.11")
def verdicts_lowest(session: nox.Session) -> None:
    """Every verdict, with the lowest allowed versions."""
    session.install(*lowest(), str(ROOT))
    session.chdir(session.create_tmp())
    compare(session)


@nox.session(python="3.11")
def verdicts_locked(session: nox.Session) -> None:
    """Every number of VERDICTS.md, with the locked versions."""
    session.install("--require-hashes", "-r", "lock.txt")
    session.install("--no-deps", str(ROOT))
    session.chdir(session.create_tmp())
    compare(session, "--numbers", env=KERNELS)
