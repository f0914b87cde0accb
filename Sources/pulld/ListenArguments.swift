import ArgumentParser
import Settings

/// A program on this machine that takes events.
struct ForwardAddress: Sendable {
    let url: String

    static func argument(_ text: String) throws -> ForwardAddress {
        do throws(AddressFault) {
            _ = try AddressRule.program.check(text)
            return ForwardAddress(url: text)
        } catch .otherMachine {
            throw ValidationError(
                "in this version events are forwarded to this machine only: localhost, 127.0.0.1 or [::1].")
        } catch {
            throw ValidationError("not the address of a program; write it as http://localhost:3000/bitrix.")
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
