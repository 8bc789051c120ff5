"""Start a session and stop it."""

import drmaa_cffi as drmaa


def main() -> None:
    """Open the process's session, and close it when the block ends."""
    with drmaa.Session():
        print("A session is open.")
    print("The session is closed.")


if __name__ == "__main__":
    main()
