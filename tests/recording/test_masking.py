from __future__ import annotations

import pytest

from gplmt.recording.masking import is_secret_variable, mask_document


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
def test_a_password_is_masked_in_every_encoding(encoding: str) -> None:
    document = "<?xml?><x><password>\n hünter2&amp;</password><user>ü</user></x>"
    masked = mask_document(document.encode(encoding))
    assert masked.decode(encoding) == "<?xml?><x><password>***</password><user>ü</user></x>"


def test_latin_1_stays_as_it_is() -> None:
    document = "<x><password>a</password>ü</x>".encode("latin-1")
    assert mask_document(document) == "<x><password>***</password>ü</x>".encode("latin-1")


def test_passwords_in_comments_and_with_markup_are_masked() -> None:
    document = b"<!-- <password>old</password> --><password ><![CDATA[a<b]]></password >"
    assert mask_document(document) == b"<!-- <password>***</password> --><password >***</password >"


@pytest.mark.parametrize("name", ["password", "export-env"])
def test_a_document_without_secrets_is_kept_byte_for_byte(name: str) -> None:
    document = b'\xff<run>echo the %s</run><export-env var="N" value="1"/>' % name.encode()
    assert mask_document(document) == document


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ('<export-env var="API_KEY" value="k"/>', '<export-env var="API_KEY" value="***"/>'),
        (
            "<export-env value='a\"b'\n var='X_TOKEN'/>",
            "<export-env value=\"***\"\n var='X_TOKEN'/>",
        ),
        ('<export-env var="PATH" value="k"/>', '<export-env var="PATH" value="k"/>'),
        ('<export-env var="API_KEY"/>', '<export-env var="API_KEY"/>'),
    ],
)
def test_the_value_of_a_variable_that_sounds_secret_is_masked(element: str, expected: str) -> None:
    assert mask_document(element.encode()).decode() == expected


@pytest.mark.parametrize("name", ["DB_PASSWORD", "PGPASSWORD", "api_key", "GH_TOKEN", "DB_PWD"])
def test_these_variables_sound_secret(name: str) -> None:
    assert is_secret_variable(name)


@pytest.mark.parametrize("name", ["PATH", "PWD", "OLDPWD", "TOKENS", "BYPASS", "COMPASS", "KEY"])
def test_these_variables_do_not_sound_secret(name: str) -> None:
    assert not is_secret_variable(name)
