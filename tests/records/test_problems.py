"""What is wrong with a record, in a line."""

from node.records.problems import Problem


def test_a_line_names_line_and_field_only_where_there_is_one() -> None:
    place = Problem.at("Reply/Head/Date", 3, rule="r", found="x", expected="a day", remedy="Correct it.")
    assert place.in_file("a.xml").in_words() == "a.xml:3: Head/Date: found x, expected a day. Correct it."
    whole = Problem.at("/", 0, rule="r", found="b.jpg", expected="a file that the record lists", remedy="List it.")
    assert whole.field == "/"
    assert whole.in_file("a.xml").in_words() == ("a.xml: found b.jpg, expected a file that the record lists. List it.")
