"""What a test registers is gone with the test (every test with a database runs so)."""

from adapters.http import PartnerClient
from adapters.suppliers.generic_http import NAME, GenericHttp
from domain import suppliers
from tests.adapters_of_tests import own_adapters


def test_an_adapter_of_a_test_is_forgotten_and_the_one_before_is_back() -> None:
    with own_adapters():
        usual, own = GenericHttp(PartnerClient()), GenericHttp(PartnerClient())
        suppliers.register(NAME, usual)
        with own_adapters():
            suppliers.register(NAME, own)
            suppliers.register("of a test", own)
            assert suppliers.port_of(NAME) is own
        assert suppliers.port_of(NAME) is usual
        assert "of a test" not in suppliers.adapter_names()
