"""Ask what is behind the interface: contact, DRM, implementation, version."""

import drmaa_cffi as drmaa


def main() -> None:
    """Ask before and within a session: before, the answers name all that is possible."""
    session = drmaa.Session()
    print(f"version:        {session.version}")
    print(f"DRMs:           {session.drmsInfo}")
    print(f"implementation: {session.drmaaImplementation}")
    print(f"contacts:       {session.contact!r}")
    with session:
        print(f"DRM:            {session.drmsInfo}")
        print(f"implementation: {session.drmaaImplementation}")
        print(f"contact:        {session.contact!r}")


if __name__ == "__main__":
    main()
