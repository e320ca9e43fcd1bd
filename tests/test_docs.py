"""The docs are true: what they show works, what they name exists."""

import json
import re
from pathlib import Path

import pytest

from hub.models import TeamDefinition
from hub.models.agent import AgentDefinition
from web.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_agent_in_the_docs_is_a_valid_definition() -> None:
    text = (ROOT / "docs" / "agents.md").read_text()
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    definition = AgentDefinition(**json.loads(example.group(1)))
    assert definition.flow.start is not None


def test_the_team_in_the_docs_is_a_valid_definition() -> None:
    text = (ROOT / "docs" / "teams.md").read_text()
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert TeamDefinition(**json.loads(example.group(1))).doubts() == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_every_setting_in_the_readme_exists_and_every_documented_setting_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"\b(?:HUB|TWILIO)_[A-Z_]+\b", text)) - {"HUB_TEST_POSTGRES", "HUB_TEST_REDIS"}
    assert named - {name.upper() for name in Settings.model_fields} == set()


def test_the_folders_of_the_readme_exist() -> None:
    tree = re.findall(r"^([a-z]+)/ ", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert tree
    assert [folder for folder in tree if not (ROOT / folder).is_dir()] == []
