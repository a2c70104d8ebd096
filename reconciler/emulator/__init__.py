"""A small local server that speaks the ModelArts training API and really runs the jobs.

It knows nothing of definitions, plans or state and imports nothing from the rest of the
package, so that a misreading of the API is not mirrored in the thing that tests it.
"""
