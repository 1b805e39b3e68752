"""The example of the settings says what the settings are."""

from pathlib import Path

from server.settings import Settings, env_example

ROOT = Path(__file__).parents[2]


def test_the_example_lists_every_setting_with_its_default() -> None:
    written = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert written == env_example()
    for name in Settings.model_fields:
        assert f"\n#KAMENG_{name.upper()}=" in written


def test_secrets_do_not_show() -> None:
    url = "postgres://kameng:canary-word@127.0.0.1/kameng"
    shown = repr(Settings(_env_file=None, metrics_token="canary-token", database_url=url))
    assert "canary" not in shown
