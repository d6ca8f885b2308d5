"""What it means that an upstream's certificate is refused, and what to do about it. Pure."""

from __future__ import annotations

import ssl

from vibeworkbench.errors import UpstreamFailed

_EXPIRED = 10
_OTHER_NAMES = frozenset({62, 64})
"""Source: OpenSSL, ``x509_vfy.h``: X509_V_ERR_CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH."""


def untrusted(error: ssl.SSLCertVerificationError) -> UpstreamFailed:
    """The refusal, for people; connecting again mends nothing."""
    return UpstreamFailed(
        f"The upstream's certificate is not trusted: {error.verify_message.rstrip('.')}; {_do(error)}."
    )


def _do(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == _EXPIRED:
        return "it has to be renewed there"
    if error.verify_code in _OTHER_NAMES:
        return "use an address that the certificate names"
    return "name a file with its authority's certificate in the server's environment variable SSL_CERT_FILE"
