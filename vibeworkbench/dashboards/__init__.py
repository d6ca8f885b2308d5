"""Published dashboards: a notebook rendered once, whose page many watch without a kernel."""
