"""Is it equal?  Every formula of ``reference`` against its twin in torch."""
