import Settings
import Testing

@Suite struct ServiceDirectoriesTests {
    @Test("The service and each instance of its template have directories of their own, as their units say")
    func services() {
        let service = ServiceDirectories(file: "/etc/pulld/pulld.yaml")
        #expect(service?.state == "/var/lib/pulld" && service?.runtime == "/run/pulld")
        #expect(service?.credentials == "/etc/pulld/credentials")
        let instance = ServiceDirectories(file: "/etc/pulld/acme-eu.yaml")
        #expect(instance?.state == "/var/lib/pulld@acme-eu" && instance?.runtime == "/run/pulld@acme-eu")
        #expect(instance?.credentials == "/etc/pulld/acme-eu.credentials")
    }

    @Test(
        "Any other file is no service's",
        arguments: [
            "/etc/pulld/.yaml", "/etc/pulld/acme.yml", "/etc/pulld/more/acme.yaml", "/etc/pulld.yaml", "pulld.yaml",
            "/srv/etc/pulld/pulld.yaml", "",
        ])
    func others(file: String) {
        #expect(ServiceDirectories(file: file) == nil)
    }
}
