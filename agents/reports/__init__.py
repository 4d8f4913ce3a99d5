"""Reports: pictures, the page that holds them, and comparison tables."""
