// Evaluates SQL expressions with Apache Flink, one by one and row by row, for golden data:
//   java -cp <Flink's planner, runtime and their test jars> Oracle table.json < expressions.jsonl > golden.jsonl
// Each expression is planned as `SELECT e FROM t`; the generated Calc operator then runs in a test harness, so an error hurts one row of one expression only.
// A line of output: {"e": expression, "t": type, "v": [value of each row]}; a value is Flink's own text, null for NULL, false where the row fails,
// true where Flink itself breaks (NullPointerException and the like).
// Refused when planned: {"e": expression, "x": message}. Code that Flink generates but cannot compile is "c" instead of "x": its bug, not a rule.
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.time.ZoneId;
import java.util.*;
import java.util.concurrent.*;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.*;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.*;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.transformations.OneInputTransformation;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.apache.flink.table.api.*;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.*;
import org.apache.flink.table.planner.codegen.CodeGeneratorContext;
import org.apache.flink.table.planner.functions.casting.RowDataToStringConverterImpl;
import org.apache.flink.table.runtime.typeutils.*;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.*;

public class Oracle {
    static final ObjectMapper JSON = new ObjectMapper();
    static JsonNode spec;
    static StreamTableEnvironment t;
    static ZoneId zone;
    static List<RowData> rows = new ArrayList<>();
    static RowDataSerializer inputSerializer;

    static StreamTableEnvironment environment() {
        Configuration c = new Configuration();
        c.setString("table.local-time-zone", spec.get("zone").asText());
        c.setString("parallelism.default", "1");
        return StreamTableEnvironment.create(new StreamExecutionEnvironment(c));
    }

    static class Compiled {
        OneInputStreamOperatorTestHarness<RowData, RowData> harness;
        DataType type;
        RowDataSerializer out;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static Compiled plan(String sql) throws Exception {
        Table table = t.sqlQuery(sql);
        DataType row = table.getResolvedSchema().toPhysicalRowDataType();
        List<DataTypes.Field> fields = new ArrayList<>();
        List<String> names = DataType.getFieldNames(row);
        List<DataType> types = DataType.getFieldDataTypes(row);
        for (int i = 0; i < names.size(); i++) fields.add(DataTypes.FIELD(names.get(i), types.get(i).nullable()));
        DataType target = DataTypes.ROW(fields).bridgedTo(RowData.class);
        DataStream<RowData> ds = t.toDataStream(table, target);
        Transformation<?> tr = ds.getTransformation();
        OneInputTransformation calc = null;
        for (; tr != null && !tr.getInputs().isEmpty(); tr = tr.getInputs().get(0))
            if (tr instanceof OneInputTransformation && tr.getName().startsWith("Calc")) {
                calc = (OneInputTransformation) tr;
                break;
            }
        if (calc == null) throw new IllegalStateException("no Calc");
        Compiled c = new Compiled();
        c.type = row;
        c.out = new RowDataSerializer((RowType) target.getLogicalType());
        c.harness = new OneInputStreamOperatorTestHarness<>(calc.getOperatorFactory(), 1, 1, 0);
        c.harness.setup(c.out);
        return c;
    }

    static RowData run(Compiled c, RowData in) throws Exception {
        c.harness.getOutput().clear();
        c.harness.processElement(new StreamRecord<>(in));
        Object o = c.harness.getOutput().poll();
        return o == null ? null : c.out.copy((RowData) ((StreamRecord<RowData>) o).getValue());
    }

    static void load() throws Exception {
        t = environment();
        DataStream<RowData> dummy = t.toDataStream(t.sqlQuery("SELECT CAST('' AS STRING) AS z"), DataTypes.ROW(DataTypes.FIELD("z", DataTypes.STRING())).bridgedTo(RowData.class));
        t.createTemporaryView("dummy", t.fromDataStream(dummy));
        JsonNode cols = spec.get("columns");
        int n = cols.get(0).get(2).size();
        List<RowData> out = new ArrayList<>();
        DataType type = null;
        for (int r = 0; r < n; r++) {
            StringBuilder b = new StringBuilder("SELECT ");
            for (int i = 0; i < cols.size(); i++)
                b.append(i > 0 ? ", " : "").append("CAST(").append(cols.get(i).get(2).get(r).asText()).append(" AS ").append(cols.get(i).get(1).asText()).append(") AS ").append(cols.get(i).get(0).asText());
            Compiled c = plan(b + " FROM dummy");
            c.harness.open();
            out.add(run(c, GenericRowData.of(StringData.fromString(""))));
            type = c.type;
        }
        List<DataTypes.Field> fields = new ArrayList<>();
        List<DataType> types = DataType.getFieldDataTypes(type);
        for (int i = 0; i < cols.size(); i++)
            fields.add(DataTypes.FIELD(cols.get(i).get(0).asText(), cols.get(i).size() > 3 ? types.get(i).notNull() : types.get(i).nullable()));
        DataType row = DataTypes.ROW(fields).notNull();
        inputSerializer = new RowDataSerializer((RowType) row.getLogicalType());
        for (RowData r : out) rows.add(inputSerializer.toBinaryRow(r).copy());
        input = row;
    }

    static DataType input;

    static void view() throws Exception {
        t = environment();
        StreamExecutionEnvironment env = new StreamExecutionEnvironment();
        Schema.Builder s = Schema.newBuilder();
        List<String> names = DataType.getFieldNames(input);
        List<DataType> types = DataType.getFieldDataTypes(input);
        for (int i = 0; i < names.size(); i++) s.column(names.get(i), types.get(i));
        DataStream<RowData> dummy = t.toDataStream(t.sqlQuery("SELECT CAST('' AS STRING) AS z"), DataTypes.ROW(DataTypes.FIELD("z", DataTypes.STRING())).bridgedTo(RowData.class));
        DataStream<RowData> typed = dummy.map(x -> x).returns((TypeInformation<RowData>) (TypeInformation<?>) ExternalTypeInfo.of(input.bridgedTo(RowData.class)));
        t.createTemporaryView("t", t.fromDataStream(typed, s.build()));
    }

    static String message(Throwable e) {
        while (e.getCause() != null && e.getCause() != e) e = e.getCause();
        String m = e.getClass().getSimpleName() + ": " + e.getMessage();
        m = m.split("\n")[0];
        return m.length() > 160 ? m.substring(0, 160) : m;
    }

    /** An accident inside Flink, not a rule of the language. */
    static boolean internal(String why) {
        return why.matches("(NullPointer|ClassCast|(String|Array)?IndexOutOfBounds|ArrayIndexOutOfBounds|NegativeArraySize|UnsupportedOperation)Exception.*|(Assertion|Match|OutOfMemory|StackOverflow)Error.*");
    }

    static ObjectNode evaluate(String e) {
        ObjectNode o = JSON.createObjectNode();
        o.put("e", e);
        Compiled c;
        try {
            c = plan("SELECT " + e + " AS x FROM t");
        } catch (Throwable x) {
            String why = message(x);
            return o.put(internal(why) || why.startsWith("NumberFormat") || why.startsWith("IllegalState") ? "c" : "x", why);
        }
        DataType type = DataType.getFieldDataTypes(c.type).get(0);
        o.put("t", type.toString());
        try {
            c.harness.open();
        } catch (Throwable x) {
            return o.put("c", message(x));
        }
        ArrayNode v = o.putArray("v");
        DataType wide = DataTypes.ROW(DataTypes.FIELD("x", type.nullable()));
        RowDataToStringConverterImpl text = new RowDataToStringConverterImpl(wide, zone, Oracle.class.getClassLoader(), false,
                new CodeGeneratorContext(t.getConfig(), Oracle.class.getClassLoader()));
        String why = null;
        for (RowData r : rows) {
            RowData out;
            try {
                out = run(c, r);
            } catch (Throwable x) {
                why = message(x);
                if (internal(why)) v.add(true);
                else v.add(false);
                continue;
            }
            try {
                if (out == null) v.add(true);
                else if (out.isNullAt(0)) v.addNull();
                else v.add(text.convert(out)[0]);
            } catch (Throwable x) {
                v.add(true);
                why = "text " + message(x);
            }
        }
        if (why != null) o.put("w", why);
        try { c.harness.close(); } catch (Throwable x) { }
        return o;
    }

    public static void main(String[] args) throws Exception {
        spec = JSON.readTree(Files.readString(Path.of(args[0])));
        zone = ZoneId.of(spec.get("zone").asText());
        load();
        t = null;
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        ExecutorService ex = null;
        int n = 0;
        long t0 = System.nanoTime();
        for (String line; (line = in.readLine()) != null; n++) {
            if (n % 200 == 0) System.err.printf("%d %.0f s%n", n, (System.nanoTime() - t0) / 1e9);
            String e = JSON.readTree(line).get("e").asText();
            if (ex == null) ex = Executors.newSingleThreadExecutor(r -> { Thread d = new Thread(r); d.setDaemon(true); return d; });
            boolean anew = t == null || n % 200 == 0; // an environment remembers every query it was given
            Future<ObjectNode> f = ex.submit(() -> {
                if (anew) view(); // its planner belongs to this thread
                return evaluate(e);
            });
            try {
                out.println(JSON.writeValueAsString(f.get(30, TimeUnit.SECONDS)));
            } catch (TimeoutException | ExecutionException x) {
                System.err.println("lost: " + e + " " + x);
                ex.shutdownNow();
                ex = null;
                t = null;
            }
            out.flush();
        }
        Runtime.getRuntime().halt(0);
    }
}
