"""Who is meant: filters as conditions on contacts, uploaded lists, the form that builds a filter."""
