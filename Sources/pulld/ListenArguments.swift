import ArgumentParser
import Settings

/// A program on this machine that takes events.
///
/// Read from a text that the parser does not know as an address: it would repeat one that is refused, and that may hold
/// a password.
enum ForwardAddress {
    static func argument(_ text: String) throws -> WebhookAddress {
        do throws(AddressFault) {
            return try WebhookAddress.check(text, allowsRemote: false)
        } catch .otherMachine {
            throw ValidationError(
                """
                --forward-to is for a program on this machine: localhost, 127.0.0.1 or [::1]. For another machine write \
                a configuration file, with allow_remote: true at the webhook (pulld run).
                """)
        } catch .userInfo {
            throw ValidationError(
                """
                --forward-to holds a user or password, and arguments are visible to every user of this machine (ps): \
                write a configuration file, with headers: at the webhook (pulld run).
                """)
        } catch {
            throw ValidationError(
                "--forward-to is no address of a program; write it as http://localhost:3000/hook or unix:/run/app.sock."
            )
        }
    }
}

/// `private,shared`
struct ChannelList: Sendable, CustomStringConvertible {
    let channels: Set<PortalSettings.Channel>

    static func argument(_ text: String) throws -> ChannelList {
        let channels = text.split(separator: ",").map { PortalSettings.Channel(rawValue: String($0)) }
        let known = Set(channels.compactMap { $0 })
        guard !known.isEmpty, !channels.contains(nil) else {
            throw ValidationError("channels are private and shared, with a comma between.")
        }
        return ChannelList(channels: known)
    }

    var description: String { channels.map(\.rawValue).sorted().joined(separator: ",") }
}

extension PortalSettings.Transport: ExpressibleByArgument {}
extension LogSettings.Level: ExpressibleByArgument {}
