"""Print a session's contact, exit, and take the same session up again."""

import drmaa_cffi as drmaa


def main() -> None:
    """Open a session twice."""
    session = drmaa.Session()
    session.initialize()
    contact = session.contact
    print(f"contact: {contact!r}")
    session.exit()

    session.initialize(contact)
    print(f"again:   {session.contact!r}")
    session.exit()


if __name__ == "__main__":
    main()
