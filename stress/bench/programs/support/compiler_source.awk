# A large C++ source of generated classes, templates and functions: -v classes=COUNT.
function random(n) {
	state = (state * 69069 + 12345) % 4294967296
	return int(state / 65536) % n
}

BEGIN {
	state = 2024
	print "#include <algorithm>\n#include <array>\n#include <functional>\n#include <map>\n#include <memory>"
	print "#include <numeric>\n#include <optional>\n#include <set>\n#include <sstream>"
	print "#include <string>\n#include <tuple>\n#include <unordered_map>\n#include <variant>"
	print "#include <vector>"
	print "template <int N> struct chain { static constexpr unsigned long value = chain<N - 1>::value * 3 + N; };"
	print "template <> struct chain<0> { static constexpr unsigned long value = 1; };"
	print "template <class T, int N> struct table {"
	print "\tstd::map<std::string, std::vector<T>> rows;"
	print "\tvoid add(const std::string &key, T value) { rows[key].push_back(std::move(value)); }"
	print "\tlong total() const { long sum = N; for (auto &[key, list] : rows) sum += (long)(key.size() * list.size()); return sum; }"
	print "};"
	for (i = 0; i < classes; i++) {
		print "namespace part" i " {"
		print "struct item { int number = " random(1000) "; std::string name = \"item " i "\"; double weight[" 1 + random(9) "] = {}; };"
		print "using value = std::variant<int, std::string, std::vector<item>, std::array<long, " 1 + i % 7 ">>;"
		print "class holder {"
		print "\ttable<item, " i "> items;\n\tstd::unordered_map<int, std::shared_ptr<item>> by_number;"
		print "\tstd::set<std::tuple<int, std::string>> order;"
		print "public:"
		print "\tvoid put(item it);\n\tlong sum() const;\n\tstd::string text() const;\n};"
		print "void holder::put(item it)\n{"
		print "\tauto shared = std::make_shared<item>(it);\n\tby_number[it.number] = shared;"
		print "\torder.emplace(it.number, it.name);\n\titems.add(it.name, std::move(it));\n}"
		print "long holder::sum() const\n{\n\tlong result = (long)(chain<" 20 + random(180) ">::value >> 8) + items.total();"
		for (j = 0; j < 6; j++) {
			print "\tfor (auto &[number, it] : by_number) {"
			print "\t\tif (number % " 2 + random(20) " == 0) result += it->number * " random(90) ";"
			print "\t\telse switch (number & 7) {"
			for (k = 0; k < 8; k++)
				print "\t\tcase " k ": result " substr("+-^", 1 + random(3), 1) "= " random(1000) " + (long)it->name.size(); break;"
			print "\t\t}\n\t}"
		}
		print "\treturn result;\n}"
		print "std::string holder::text() const\n{\n\tstd::ostringstream out;"
		print "\tfor (auto &[number, name] : order) out << number << ' ' << name << '\\n';"
		print "\tstd::vector<value> all{ 1, std::string(\"x\"), std::vector<item>(3) };"
		print "\tfor (auto &one : all)\n\t\tstd::visit([&](auto &of) {\n\t\t\tif constexpr (std::is_same_v<std::decay_t<decltype(of)>, int>) out << of; else out << of.size();\n\t\t}, one);"
		print "\treturn out.str();\n}"
		print "long work(int n)\n{\n\tholder h;\n\tstd::vector<std::function<long(long)>> steps;"
		print "\tfor (int i = 0; i < n; i++) {\n\t\titem it;\n\t\tit.number = i * " 1 + random(30) ";\n\t\th.put(it);"
		print "\t\tsteps.push_back([i, &h](long x) { return x * i + h.sum(); });\n\t}"
		print "\tstd::sort(steps.begin(), steps.end(), [](auto &a, auto &b) { return a(1) < b(1); });"
		print "\treturn std::accumulate(steps.begin(), steps.end(), 0L, [](long x, auto &f) { return f(x); }) + (long)h.text().size();\n}"
		print "}"
	}
	print "int main(int count, char **)\n{\n\tlong sum = 0;"
	for (i = 0; i < classes; i++)
		print "\tsum += part" i "::work(count);"
	print "\treturn sum == 42;\n}"
}
