"""Opening and closing incidents, and what people do with them."""
