"""How programs of this package are started."""
