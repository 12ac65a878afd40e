"""Small faults put into the product, to see which of them no test notices."""
