import ArgumentParser
import Glibc
import History
import Journal

struct DeadVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "Look at the events that a webhook gave up, send them again or drop them.",
        discussion: """
            A sink gives an event up when the event alone fails, attempt after attempt. It
            is kept until somebody decides. The daemon may run meanwhile or not: what is to
            be sent again it sends when it runs.

            Examples:
              pulld dead list
              pulld dead show 41
              pulld dead retry --sink app --since 1h
              pulld dead drop --module crm --command 'deal.*' --yes
            """,
        subcommands: [List.self, Show.self, Retry.self, Drop.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show them as a table, or as JSON lines.",
            discussion: """
                Examples:
                  pulld dead list
                  pulld dead list --sink app --since 1d
                  pulld dead list --json | jq -r .reason | sort | uniq -c
                """)

        @OptionGroup var choice: DeadArguments

        @Flag(name: .customLong("json"), help: "One JSON object a line.")
        var isJSON = false

        func run() async throws {
            try await ExitCodes.applyReading {
                let view = try choice.journal.open()
                let output = TextOutput.standard
                var table = DeadTable()
                var numbers = DeadNumbers()
                try view.visit(choice.selection) { letter in
                    numbers.add(letter)
                    if isJSON { try output.write(letter.line()) } else { table.add(letter) }
                }
                if !isJSON {
                    try output.write(
                        numbers.count == 0 ? "no dead letters\n" : table.text(isColoured: output.takesColours))
                }
                try choice.checkNumbers(numbers)
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the events and why they died.",
            discussion: """
                Examples:
                  pulld dead show 41
                  pulld dead show 41 --json | jq .event.params
                """)

        @OptionGroup var choice: DeadArguments

        @Flag(name: .customLong("json"), help: "One JSON object a line.")
        var isJSON = false

        func validate() throws {
            guard !choice.selection.isEverything else {
                throw ValidationError("say which: a number, or a filter. All of them: pulld dead list.")
            }
        }

        func run() async throws {
            try await ExitCodes.applyReading {
                let view = try choice.journal.open()
                let output = TextOutput.standard
                var numbers = DeadNumbers()
                try view.visit(choice.selection) { letter in
                    numbers.add(letter)
                    if isJSON {
                        try output.write(letter.line())
                    } else {
                        try output.write(letter.detail(isColoured: output.takesColours))
                    }
                }
                if numbers.count == 0 { ExitCodes.say("no dead letter matches") }
                try choice.checkNumbers(numbers)
            }
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the daemon send them again.",
            discussion: """
                They keep their webhook-id. One that fails again becomes a dead letter again.

                Examples:
                  pulld dead retry 41 57
                  pulld dead retry --sink app --all
                """)

        @OptionGroup var choice: DeadArguments
        @OptionGroup var extent: DeadExtent

        func validate() throws { try extent.check(choice) }

        func run() async throws {
            try await ExitCodes.applyReading {
                let view = try choice.journal.open()
                let numbers = try choice.numbers(in: view)
                let count = try view.decide(.retry, on: numbers)
                let again = count == 1 ? "1 dead letter is" : "\(count) dead letters are"
                Terminal.line("\(again) to be sent again: by the daemon, when it runs")
                try choice.checkNumbers(numbers)
            }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete them for good.",
            discussion: """
                Asks first; --yes answers. Where there is no terminal to ask on, --yes is needed.

                Examples:
                  pulld dead drop 41
                  pulld dead drop --sink app --until 7d --yes
                """)

        @OptionGroup var choice: DeadArguments
        @OptionGroup var extent: DeadExtent

        @Flag(help: "Do not ask.")
        var yes = false

        func validate() throws {
            try extent.check(choice)
            guard yes || isatty(0) == 1 else {
                throw ValidationError("there is no terminal to ask on; say --yes to drop them without a question.")
            }
        }

        func run() async throws {
            try await ExitCodes.applyReading {
                let view = try choice.journal.open()
                let numbers = try choice.numbers(in: view)
                if numbers.count > 0, !yes, !isConfirmed(numbers.count) {
                    Terminal.line("nothing is dropped")
                    return
                }
                let count = try view.decide(.drop, on: numbers)
                Terminal.line(count == 1 ? "1 dead letter is dropped" : "\(count) dead letters are dropped")
                try choice.checkNumbers(numbers)
            }
        }

        private func isConfirmed(_ count: Int) -> Bool {
            let what = count == 1 ? "1 dead letter" : "\(count) dead letters"
            try? TextOutput.error.write("drop \(what) for good? [y/N] ")
            let answer = readLine() ?? ""
            return ["y", "yes"].contains(answer.lowercased())
        }
    }
}
