import EndToEndSupport
import Foundation

/// What `config/pulld.schema.json` says of a file, by Python's jsonschema: an opinion that owes nothing to the decoder.
struct SchemaOpinion: Decodable {
    /// The text is YAML at all.
    var isReadable: Bool
    var isValid: Bool
    /// Of each map with a key that it does not know, by its path, such as `portals.acme`: the keys that it knows.
    var known: [String: Set<String>]

    struct WrongNumber: Error {
        let opinions: Int
        let texts: Int
    }

    /// YAML 1.2's core schema (chapter 10.3.2), as editors and the decoder read it: PyYAML's own rules are those of 1.1, where
    /// `off` is false.
    private static let script = #"""
        import json, re, sys, yaml
        from jsonschema import Draft7Validator

        class Loader(yaml.SafeLoader):
            yaml_implicit_resolvers = {}
        for tag, pattern, first in [
            ('bool', r'^(?:true|True|TRUE|false|False|FALSE)$', 'tTfF'),
            ('null', r'^(?:~|null|Null|NULL|)$', ['~', 'n', 'N', '']),
            ('int', r'^[-+]?[0-9]+$', '-+0123456789'),
            ('float', r'^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$', '-+.0123456789'),
        ]:
            Loader.add_implicit_resolver('tag:yaml.org,2002:' + tag, re.compile(pattern), list(first))

        schema = json.load(open(sys.argv[1]))
        Draft7Validator.check_schema(schema)

        def inline(node):  # looking references up again and again is what takes the time
            if isinstance(node, list):
                return [inline(element) for element in node]
            if isinstance(node, dict):
                if '$ref' in node:
                    return inline(schema['definitions'][node['$ref'].rsplit('/', 1)[1]])
                return {key: inline(value) for key, value in node.items() if key != 'definitions'}
            return node

        validator = Draft7Validator(inline(schema))

        def unknown(errors):
            for error in errors:
                if error.validator == 'additionalProperties' and error.validator_value is False:
                    yield '.'.join(map(str, error.absolute_path)), sorted(error.schema.get('properties', {}))
                yield from unknown(error.context)

        for line in open(sys.argv[2]):
            try:
                document = yaml.load(json.loads(line), Loader)
            except yaml.YAMLError:
                print(json.dumps({'isReadable': False, 'isValid': False, 'known': {}}))
                continue
            errors = list(validator.iter_errors(document))
            print(json.dumps({'isReadable': True, 'isValid': not errors, 'known': dict(unknown(errors))}))
        """#

    /// One for each of the texts, which are YAML or something like it.
    static func of(_ texts: [String]) async throws -> [SchemaOpinion] {
        let directory = try ScratchDirectory()
        let lines = try texts.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) + "\n" }
        let file = try directory.write(lines.joined(), to: "texts")
        // Debian's own, which has the libraries of the packages python3-jsonschema and python3-yaml.
        let output = try await CommandLineTool.run(
            "/usr/bin/python3", ["-c", script, Repository.path("config/pulld.schema.json"), file])
        let opinions = try output.split(separator: "\n").map {
            try JSONDecoder().decode(SchemaOpinion.self, from: Data($0.utf8))
        }
        guard opinions.count == texts.count else {
            throw WrongNumber(opinions: opinions.count, texts: texts.count)
        }
        return opinions
    }
}
