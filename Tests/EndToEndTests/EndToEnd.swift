import Testing

/// The whole program from outside: the built binary against a portal in a box, each in a process of its own.
///
/// One after the other, files in the order of their names: most load the machine, and the last one searches what all of
/// them have made the program say.
@Suite(.serialized) struct EndToEnd {}
