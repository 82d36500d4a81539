"""One Settings from file, environment and flags; all mistakes in one message."""

from decimal import Decimal
from pathlib import Path

import pytest

from tandem.core.errors import SettingsError
from tandem.settings import read_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "tandem.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_missing_file_means_defaults_that_work_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    settings = read_settings(environment={"TANDEM_HOME": str(tmp_path)})

    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.device.model == "smollm2-135m"
    assert settings.home == tmp_path


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[server]\nport = 1\nhost = "localhost"\n[device]\nmax_ram = "4GB"\nqueue = 3\n')

    settings = read_settings(path, environment={"TANDEM_SERVER_PORT": "2", "TANDEM_DEVICE_QUEUE": "9"}, port=3)

    assert settings.server.port == 3
    assert settings.server.host == "localhost"
    assert settings.device.queue == 9
    assert settings.device.max_ram == 4 * 10**9


def test_every_mistake_is_named_at_once_with_the_nearest_right_key(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[serverr]\n[server]\nprot = 1\nport = "x"\n[device]\nsealed = "maybe"\n[[provider]]\nbase_url = "u"\n',
    )

    with pytest.raises(SettingsError) as caught:
        read_settings(path, environment={"TANDEM_DEVICE_MODLE": "x"})

    message = str(caught.value)
    for part in (
        "did you mean 'server'?",
        "did you mean 'port'?",
        "a whole number is wanted",
        "'auto', 'require', 'off'",
        "needs 'name'",
        "did you mean 'TANDEM_DEVICE_MODEL'?",
    ):
        assert part in message


def test_providers_models_and_prices_are_read_as_money(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[[provider]]\nname = "deepseek"\nkey_env = "K"\n[[model]]\nid = "big"\nprovider = "deepseek"\n'
        'tasks = ["code"]\nusd_per_million_input_tokens = 0.14\n[aliases]\n"phi-4-mini" = "smollm2-135m"\n'
        '[rag]\nfolders = ["docs"]\nlabels = { docs = "internal" }\n',
    )

    settings = read_settings(path, environment={})

    assert settings.models[0].usd_per_million_input_tokens == Decimal("0.14")
    assert settings.models[0].tasks == ("code",)
    assert settings.aliases == {"phi-4-mini": "smollm2-135m"}
    assert settings.rag.labels == {"docs": "internal"}
    assert settings.not_yet_used == ("rag",)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[server]\napi_key_env = 'NO_SUCH'\n", "NO_SUCH, which is not set"),
        ("[[model]]\nid = 'a'\n", "needs 'provider'"),
        ("[policy]\ndefault = 'cloud-frist'\n", "did you mean 'cloud-first'"),
        ("[policy.mine]\nrules = ['HardGoesUpp']\n", "did you mean 'HardGoesUp'"),
        ("[policy.mine]\nrules = ['PrivateStaysHere']\n", "every policy has it already"),
        ("[policy.mine]\nrules = [{ rule = 'HardGoesUp', over = 1 }]\n", "HardGoesUp has no 'over'"),
        ("[budget]\nusd_per_month = -1\n", "at least 0"),
        ("[budget]\nusd_per_month = nan\n", "0 to 1000000 is wanted"),
        ("[budget]\nusd_per_request = inf\n", "0 to 1000000 is wanted"),
        ("[[model]]\nid = 'a'\nprovider = 'p'\nusd_per_million_input_tokens = -3\n", "at least 0"),
        ("[[model]]\nid = 'a'\nprovider = 'p'\nusd_per_million_output_tokens = 'nan'\n", "0 to 1000000 is wanted"),
        ("[[model]]\nid = 'a'\nprovider = 'p'\ncontext_tokens = -7\n", "context_tokens = -7: at least 1"),
        ("[[model]]\nid = 'auto'\nprovider = 'p'\n", "is the name of policies"),
        ("[aliases]\nauto = 'smollm2-135m'\n", "is the name of a policy"),
        ("[aliases]\na = 'b'\nb = 'a'\n", "leads to 'b', which is an alias too"),
        ("[policy.'']\nrules = []\n", "a policy without a name"),
        ("[policy.mine]\nrules = [{ rule = 'HardGoesUp', above = nan }]\n", "a number of at least 0"),
        ("server = 3\n", "[server] must be a table"),
        ("[aliases]\na = 3\n", "must be the id of a model"),
        ("[device]\nmax_ram = 'much'\n", "write bytes"),
        ("[device]\nqueue = 0\n", "at least 1"),
        ("[server]\nport = 70000\n", "between 1 and 65535"),
        ("not toml", "not valid TOML"),
    ],
)
def test_a_mistake_says_what_which_and_what_to_do(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(SettingsError, match=part.replace("[", r"\[").replace("]", r"\]")):
        read_settings(written(tmp_path, text), environment={})


def test_a_policy_may_list_models_by_their_aliases_and_each_counts_once(tmp_path: Path) -> None:
    text = "[aliases]\ngpt = 'large'\n[policy.mine]\nrules = ['DeviceFirst']\nmodels = ['gpt', 'small', 'large']\n"

    settings = read_settings(written(tmp_path, text), environment={})

    assert settings.policies.named["mine"].models == ("large", "small")


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="There is no configuration file"):
        read_settings(tmp_path / "nowhere.toml", environment={})


def test_the_key_comes_from_the_environment_only(tmp_path: Path) -> None:
    path = written(tmp_path, '[server]\napi_key_env = "MY_KEY"\n')

    assert read_settings(path, environment={"MY_KEY": "secret"}).api_key == "secret"


def test_which_names_of_people_count_is_set_in_one_place(tmp_path: Path) -> None:
    plain = read_settings(written(tmp_path, ""))
    every = read_settings(written(tmp_path, '[privacy]\nnames = "all"\n'))

    assert (plain.protection.names, every.protection.names) == ("strong", "all")
    with pytest.raises(SettingsError, match="names"):
        read_settings(written(tmp_path, '[privacy]\nnames = "some"\n'))
